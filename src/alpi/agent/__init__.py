"""The turn: prompt, model, tool calls, transcript. Surfaces call ``Agent.turn`` and render what it yields."""
