import unicodedata
from pathlib import Path

import numpy as np
import pytest

from napari_organelle.errors import ReadError
from napari_organelle.read.tables.table import find_dialect, peek, read_table


def write(folder: Path, text: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("sep", [False, True])
def test_encodings_delimiters_and_line_ends(
    tmp_path: Path, encoding: str, delimiter: str, end: str, sep: bool
) -> None:
    lines = [f"sep={delimiter}"] * sep + [f"Item {delimiter}label", f"a{delimiter} Kern ä ", ""]
    path = write(tmp_path, end.join(lines), encoding)
    table = read_table(path)
    assert table.columns == ("Item", "label")
    assert table.rows == [["a", "Kern ä"]]
    assert table.lines == [3 if sep else 2]
    assert len(table.problems) == (encoding == "cp1252")
    assert peek(path) is not None
    assert peek(path).columns == table.columns  # type: ignore[union-attr]
    dialect = find_dialect(path)
    assert (dialect.delimiter, dialect.skip) == (delimiter, int(sep))
    assert path.read_bytes().decode(dialect.encoding).lstrip("\ufeff").startswith(lines[0])


def test_names_are_composed_and_quotes_hold_delimiters(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "Zürich")
    table = read_table(write(tmp_path, f'item,label\n"{apart}, lab 1",x\n'))
    assert table.rows == [["Zürich, lab 1", "x"]]


def test_empty_rows_are_told_but_not_those_at_the_end(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "y,x\n1,2\n , \n\n3,4\n,\n\n"))
    assert table.rows == [["1", "2"], ["3", "4"]]
    assert table.lines == [2, 5]
    assert table.problems == (f"{table.path}: 2 empty rows are passed over",)


def test_a_column_is_found_whatever_its_case_and_only_where_it_is_one(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "Item,LABEL,Label\na,b,c\n"))
    assert table.find("name", "item") == 0
    assert table.find("Label") == 2
    assert table.find("gene") is None
    with pytest.raises(ReadError, match="2 columns 'label'"):
        table.find("label")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("y;x\n60,5;1\n100,25;2\n", [60.5, 100.25]),
        ("y\tx\n1,500\t1\n2\t2\n", [1.5, 2]),
        ('y,x\n"60,5",1\n"7",2\n', [60.5, 7]),
        ("y,x\n6e1,1\n-7.25,2\n", [60, -7.25]),
    ],
)
def test_decimal_points_and_commas(tmp_path: Path, text: str, numbers: list[float]) -> None:
    np.testing.assert_array_equal(read_table(write(tmp_path, text)).numbers(0), numbers)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('y,x\n"1,500",1\n', "decimals or thousands"),
        ("y;x\n1,5;1\n2.5;2\n", r"row 2: y must be a number; it is '1,5'"),
        ("y,x\n1,2\n,3\n", r"row 3: y must be a number; it is ''"),
        ("y,x\nnan,2\n", r"row 2: y must be a number; it is 'nan'"),
        ("y,x\ninf,2\n", r"row 2: y must be a number; it is 'inf'"),
    ],
)
def test_what_is_no_number_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ReadError, match=reason):
        read_table(write(tmp_path, text)).numbers(0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"PK\3\4rest", "Excel workbook: save it as CSV"),
        (b"a,b\n1,\0\n", "null bytes"),
        (b"y,x\n60,5,70,5\n", r"row 2: it has 4 values under 2 headers.*semicolons"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ReadError, match=reason):
        read_table(write(tmp_path, data))


def test_one_column_is_not_cut_at_a_letter(tmp_path: Path) -> None:
    assert read_table(write(tmp_path, "label\nx\n")).columns == ("label",)
