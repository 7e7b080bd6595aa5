"""Reading the web: fetching through the network guard, pages as Markdown, search engines."""
