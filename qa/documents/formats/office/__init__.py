"""Office Open XML: .docx, .pptx and .xlsx."""
