"""What a robot of any kind stands on: the machine that decides, the journal that remembers, the loop between them."""
