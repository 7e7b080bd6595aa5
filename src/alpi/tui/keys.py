"""A line being typed while something else goes on, key by key. Knows nothing of terminals: bytes go in, lines come out."""

from __future__ import annotations

import codecs
import re

# Cursor keys and the like, complete or not yet: ESC [ … final, ESC O x, ESC x.
KEY = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|[^\[O])")
PART_OF_KEY = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?$")
PASTE, PASTE_END = "\x1b[200~", "\x1b[201~"
LONGEST = 20_000


class TypedLine:
    """What has been typed of a line so far. Backspace, Ctrl-W and Ctrl-U work; a paste is one line, whatever it holds."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.ended = False
        """Ctrl-D was pressed on an empty line."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._pasting = False

    def feed(self, data: bytes) -> list[str]:
        """Take in keys; gives the lines that were ended with Enter."""
        keys = self._rest + self._decoder.decode(data)
        self._rest = ""
        lines: list[str] = []
        place = 0
        while place < len(keys):
            if keys[place] == "\x1b":
                if PART_OF_KEY.match(keys, place):
                    self._rest = keys[place:]
                    break
                key = KEY.match(keys, place)
                place += len(key[0]) if key else 1
                self._pasting = key is not None and (key[0] == PASTE or (self._pasting and key[0] != PASTE_END))
                continue
            ended = keys[place] == "\x04" and not self.text  # Ctrl-D ends an empty line
            if (ended or keys[place] in "\r\n") and not self._pasting:
                self.ended = self.ended or ended
                lines.append(self.text)
                self.text = ""
            else:
                self._press(keys[place])
            place += 1
        return lines

    def clear(self) -> None:
        """Forget it all."""
        self.text, self._rest, self._pasting = "", "", False
        self._decoder.reset()

    def _press(self, key: str) -> None:
        if key in "\x7f\x08":
            self.text = self.text[:-1]
        elif key == "\x15":
            self.text = ""
        elif key == "\x17":
            self.text = self.text.rstrip()
            self.text = self.text[: self.text.rfind(" ") + 1]
        elif key in "\r\n":
            self.text += "\n"
        elif (key.isprintable() or key == "\t") and len(self.text) < LONGEST:
            self.text += " " if key == "\t" else key
