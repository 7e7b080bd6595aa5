"""A key's fingerprint as words: ten of 256 for the first 80 bits of the key's SHA-256, easy to read to somebody on the phone.

Word number ``n`` stands for the byte ``n``. The list never changes: two people compare what two versions of the program printed.
"""

from __future__ import annotations

import hashlib

COUNT = 10
"""Words of a fingerprint. 80 bits: whoever wants a key with somebody else's words has to try 2**80 of them."""

_LIST = """
acid acre aged alarm alley amber angle ankle apple apron arch arrow aunt badge baker balcony bamboo banjo barn basil basket beach
beard bell bench berry bike bird blanket boat bone book boot bottle brick bridge broom bubble bucket butter cabin cable cactus
camel candle canoe carpet castle cellar cement chalk cherry chess chimney cinema circle clock cloud clover cobra coffee comet
copper coral cotton cradle crayon cricket crown cube curtain dagger dance desert diamond dinner doctor dolphin donkey door dragon
drum duck eagle earth echo elbow elephant engine envelope family feather fence ferry fiddle finger flag flute forest fossil
fountain fox frog frost galaxy garden garlic giant ginger giraffe glove goat gold gorilla grape gravel guitar hammer harbor hat
hawk helmet hill honey horse hotel house iceberg igloo insect iron island ivory jacket jaguar jelly jewel jungle kettle king
kitchen kite knee ladder lagoon lantern laptop lava leaf lemon leopard letter lion lizard lobster magnet mango maple marble meadow
melon mirror monkey moon mosaic motor mountain mushroom music needle nest noodle nurse oasis ocean olive onion opera orange orchid
otter oven oyster paddle palace panda paper parrot peach pear pebble pelican pencil pepper piano pigeon pillow pilot pirate planet
plum pocket pony potato prism puddle pumpkin puppet puzzle pyramid quartz queen rabbit radio raven ribbon river robot rocket rope
ruby saddle salmon sandal saturn school seal shadow shell silver sled snail soap sofa spider spoon squid star stone sugar sunset
swan table temple thunder tiger timber tomato tower train tulip tunnel turtle violin walnut zebra
"""


def fingerprint(public: bytes) -> str:
    """The words of a public key (32 bytes), with hyphens between them."""
    words = _LIST.split()
    return "-".join(words[byte] for byte in hashlib.sha256(public).digest()[:COUNT])
