"""Documents made by hand, whole ones and hostile ones."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

STYLES = """<w:styles xmlns:w="w"><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
<w:style w:styleId="Mine"><w:name w:val="My own"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style></w:styles>"""
BODY = """<w:document xmlns:w="w" xmlns:mc="mc"><w:body>
<w:p><w:pPr><w:pStyle w:val="berschrift1"/><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr><w:r><w:t>The fox</w:t></w:r></w:p>
<w:p><w:r><w:t>It </w:t></w:r><w:r><w:t>runs</w:t><w:tab/><w:t>fast.</w:t></w:r><w:r><w:delText>slowly.</w:delText></w:r></w:p>
<w:p><w:pPr><w:pStyle w:val="Mine"/></w:pPr><w:r><w:t>Food</w:t></w:r></w:p>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>hares</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>7</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
<mc:AlternateContent><mc:Choice><w:p><w:r><w:t>A box.</w:t></w:r></w:p></mc:Choice>
<mc:Fallback><w:p><w:r><w:t>A box.</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent>
</w:body></w:document>"""
FACTS = """<cp:core xmlns:cp="cp" xmlns:dc="dc">
<dc:title>Foxes &amp; hares</dc:title><dc:creator>Ann Example</dc:creator></cp:core>"""
DOCX = {"word/document.xml": BODY, "word/styles.xml": STYLES, "docProps/core.xml": FACTS}

CONTAINER = """<container xmlns="c"><rootfiles><rootfile full-path="OPS/package.opf"/></rootfiles></container>"""
PACKAGE = """<package xmlns="o" xmlns:dc="dc"><metadata><dc:title>Foxes</dc:title><dc:language>en</dc:language></metadata>
<manifest><item id="two" href="two.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="pages/one%20.xhtml" media-type="application/xhtml+xml"/>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/></manifest>
<spine><itemref idref="nav"/><itemref idref="one"/><itemref idref="two"/></spine></package>"""
EPUB = {
    "META-INF/container.xml": CONTAINER,
    "OPS/package.opf": PACKAGE,
    "OPS/pages/one .xhtml": "<html><title>x</title><body><h1>The <i>fox</i></h1><p>It\nruns&nbsp;fast.</p></body></html>",
    "OPS/two.xhtml": "<html><body><h2>Food</h2><ul><li>hares</li><li>mice<br/>too</li></ul></body></html>",
    "OPS/nav.xhtml": "<html><body><p>Contents</p></body></html>",
}
ENTITIES = """<!DOCTYPE w:document [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>&b;</w:t></w:r></w:p></w:body></w:document>"""
EXTERNAL = """<!DOCTYPE w:document [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>&a;</w:t></w:r></w:p></w:body></w:document>"""


def write_zip(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    """A zip file of these parts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return path


def pdf_of(*pages: str, outline: Mapping[str, int] | None = None) -> bytes:
    """A PDF with a line of text on each page, and an outline of titles and page numbers (from 0)."""
    outline = outline or {}
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    first = 4 + 2 * len(pages)
    objects = {
        1: f"<< /Type /Catalog /Pages 2 0 R /Outlines {first} 0 R >>",
        2: f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        3: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    }
    for n, words in enumerate(pages):
        lines = "".join(f"({line}) Tj T* " for line in words.split("\n"))
        stream = f"BT /F1 12 Tf 14 TL 72 720 Td {lines}ET"
        objects[4 + 2 * n] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * n} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects[5 + 2 * n] = f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream"
    objects[first] = f"<< /Type /Outlines /First {first + 1} 0 R /Last {first + len(outline)} 0 R >>" if outline else "<< >>"
    for place, (title, page) in enumerate(outline.items(), start=first + 1):
        following = f"/Next {place + 1} 0 R " if place < first + len(outline) else ""
        objects[place] = f"<< /Title ({title}) /Parent {first} 0 R {following}/Dest [{4 + 2 * page} 0 R /Fit] >>"
    return with_table(objects)


def with_table(objects: Mapping[int, str]) -> bytes:
    """The objects as a file, with the table of where they are."""
    data, places = b"%PDF-1.4\n", []
    for number, content in sorted(objects.items()):
        places.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode()
    rows = "".join(f"{place:010} 00000 n \n" for place in places)
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
    return data + f"{table}startxref\n{len(data)}\n%%EOF\n".encode()
