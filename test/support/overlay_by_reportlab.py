"""The same texts drawn by ReportLab, as existing certificates are made. Reads {"width", "height", "texts": [{text, y, size, font, color, char_space, line_height}]}, writes a PDF."""

import io
import json
import sys

from reportlab.lib.colors import HexColor
from reportlab.pdfgen import canvas

asked = json.load(sys.stdin)
buffer = io.BytesIO()
drawn = canvas.Canvas(buffer, pagesize=(asked["width"], asked["height"]))
for text in asked["texts"]:
    drawn.setFont(text["font"], text["size"])
    drawn.setFillColor(HexColor(text["color"]))
    for number, line in enumerate(text["text"].split("\n")):
        y = text["y"] - number * text["size"] * text["line_height"]
        drawn.drawCentredString(asked["width"] / 2, y, line, charSpace=text["char_space"])
drawn.showPage()
drawn.save()
sys.stdout.buffer.write(buffer.getvalue())
