"""What a profile keeps: sessions."""
