"""So many certificates made as existing configurations make them: three centred lines over the first page of a PDF. Reads {"template", "count"}, writes the seconds."""

import io
import json
import sys
import time

from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen import canvas

asked = json.load(sys.stdin)
lines = [("Learner Number {0}", 290, 32), ("Algebra I", 220, 28), ("March 1, 2026", 120, 12)]
begun = time.perf_counter()
for number in range(asked["count"]):
    writer = PdfWriter()
    page = writer.add_page(PdfReader(asked["template"]).pages[0])
    buffer = io.BytesIO()
    drawn = canvas.Canvas(buffer, pagesize=(float(page.mediabox.width), float(page.mediabox.height)))
    for text, y, size in lines:
        drawn.setFont("Helvetica", size)
        drawn.drawCentredString(float(page.mediabox.width) / 2, y, text.format(number))
    drawn.showPage()
    drawn.save()
    buffer.seek(0)
    page.merge_page(PdfReader(buffer).pages[0])
    writer.write(io.BytesIO())
print(time.perf_counter() - begun)
