"""Skills: folders of instructions and scripts. Their format, checks and index, and the tool that works with them."""
