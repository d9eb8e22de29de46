"""Store and question → Answer: retrieve passages, read them, choose the sentences to quote."""
