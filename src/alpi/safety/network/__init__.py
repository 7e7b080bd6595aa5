"""The network guard: which addresses may be spoken to. Names are resolved once, every answer is judged, the judged address is used."""
