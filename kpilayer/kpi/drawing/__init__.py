"""What is known of KPIs as text, Markdown, Mermaid and SVG; names in it are data, and inert."""
