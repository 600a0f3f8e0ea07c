"""An exception with a Cyrillic text."""

import mark

mark.began()
raise ValueError("нет такого счёта")
