"""Tables of pages that are made, not written."""

import re
from typing import Final

END: Final = "<!-- end of what is made -->"


def replaced(page: str, begin: str, table: str) -> str:
    """Return a page with another table between the mark where it begins and the next that ends one."""
    marks = f"(?<={re.escape(begin)}\n).*?(?={re.escape(END)})"
    return re.sub(marks, lambda _: f"\n{table.strip()}\n\n", page, count=1, flags=re.DOTALL)
