from pathlib import Path

import pytest

from napari_organelle.errors import ReadError
from napari_organelle.read.tables.label_table import HPA_2018, HPA_2021, is_label_table, read_label_table


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "train.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_header_tells_which_classes(tmp_path: Path) -> None:
    table = read_label_table(write(tmp_path, "Id,Target\na,16 0\nb,5\n"))
    assert table.class_names == HPA_2018
    assert len(HPA_2018) == 28
    assert table.labels == {"a": "Cytokinetic bridge|Nucleoplasm", "b": "Nuclear bodies"}
    table = read_label_table(write(tmp_path, "ID,Label\na,8|5|0\nb,13|13\n"))
    assert table.class_names == HPA_2021
    assert len(HPA_2021) == 19
    assert table.labels == {"a": "Intermediate filaments|Nuclear bodies|Nucleoplasm", "b": "Plasma membrane"}
    assert table.problems == []


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfId,Target\r\na,16 0\r\n",
        "Id,Target\na,16 0\n".encode("utf-16"),
        b"Id;Target\na;16 0\n",
        b"Id\tTarget\na\t16 0\n",
        b'"Id","Target","Note"\n"a","16 0","x, y"\n',
    ],
    ids=["bom", "utf16", "semicolon", "tab", "quoted"],
)
def test_delimiters_and_encodings(tmp_path: Path, data: bytes) -> None:
    path = write(tmp_path, data)
    assert is_label_table(path)
    assert read_label_table(path).labels == {"a": "Cytokinetic bridge|Nucleoplasm"}


def test_a_table_that_is_not_utf8_is_read_and_the_row_is_named(tmp_path: Path) -> None:
    table = read_label_table(write(tmp_path, b"Id,Target\na,1\nn\xe9,2\n"))
    assert table.labels["né"] == "Nucleoli"
    assert table.problems == ["train.csv, row 3: byte 0xe9 is not UTF-8; read as Windows-1252"]


def test_bad_rows_are_named(tmp_path: Path) -> None:
    table = read_label_table(write(tmp_path, "Id,Target\na,1\na,2\nb,28 3\nc,x\nd\n,4\ne,\n\n"))
    assert table.labels == {
        "a": "Nuclear membrane",
        "b": "Nucleoli fibrillar center",
        "c": "",
        "d": "",
        "e": "",
    }
    assert table.problems == [
        "train.csv, row 3: id a is there again; row 2 counts",
        "train.csv, row 4: label '28' of id b is no index from 0 to 27 and no location's name",
        "train.csv, row 5: label 'x' of id c is no index from 0 to 27 and no location's name",
        "train.csv, row 6: id d has no label",
        "train.csv, row 7: it has no id; the row is skipped",
        "train.csv, row 8: id e has no label",
    ]
    assert table.faults["c"].endswith("label 'x' of id c is no index from 0 to 27 and no location's name")


@pytest.mark.parametrize("text", ["Id\na\n", "name,Target\na,1\n", "", "Id,Predicted\na,1\n"])
def test_a_missing_column_is_an_error_with_the_columns(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    assert not is_label_table(path)
    with pytest.raises(
        ReadError,
        match=r"train\.csv: (expected the columns Id and Target .* its columns are|.*the file is empty)",
    ):
        read_label_table(path)


def test_a_table_without_rows_or_with_nulls_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="the table has no rows"):
        read_label_table(write(tmp_path, "Id,Target\n"))
    with pytest.raises(ReadError, match=r"gone\.csv: there is no such file"):
        read_label_table(tmp_path / "gone.csv")


@pytest.mark.real_data
def test_real_tables(real_data: Path) -> None:
    table = read_label_table(real_data / "hpa2018" / "train.csv")
    assert len(table.labels) == 31_072
    assert table.labels["000a6c98-bb9b-11e8-b2b9-ac1f6b6435d0"] == (
        "Golgi apparatus|Nuclear membrane|Nucleoli|Nucleoplasm"
    )
    assert table.problems == []
    table = read_label_table(real_data / "hpa2021" / "train.csv")
    assert len(table.labels) == 21_806
    assert table.labels["a7faf0b4-bb99-11e8-b2b9-ac1f6b6435d0"] == "Vesicles and punctate cytosolic patterns"


def test_the_atlas_public_table_calls_images_by_their_url(tmp_path: Path) -> None:
    rows = 'https://images.proteinatlas.org/10580/1610_C1_1,"Golgi apparatus,Vesicles",U-2 OS,False,7|17\n'
    path = write(tmp_path, "Image,Label,Cellline,in_trainset,Label_idx\n" + rows)
    assert is_label_table(path)
    assert read_label_table(path).labels == {
        "10580_1610_C1_1": "Golgi apparatus|Vesicles and punctate cytosolic patterns"
    }


@pytest.mark.parametrize(
    "label", ["Nuclear speckles|Cytosol", "Nuclear speckles; Cytosol", "4 16", "4, 16", "4;16"]
)
def test_classes_are_named_or_counted(tmp_path: Path, label: str) -> None:
    path = write(tmp_path, f'ID,Label\na_green.png,"{label}"\n')
    assert read_label_table(path).labels == {"a": "Nuclear speckles|Cytosol"}


def test_files_of_all_stains_are_one_id(tmp_path: Path) -> None:
    rows = "".join(f"10_A1_1_{stain}.png,0|5\n" for stain in ("red", "green", "blue"))
    table = read_label_table(write(tmp_path, f"ID,Label\n{rows}"))
    assert list(table.labels) == ["10_A1_1"]
    assert table.problems == []


def test_a_table_of_objects_with_id_and_label_is_of_another_program(tmp_path: Path) -> None:
    assert not is_label_table(write(tmp_path, "id,label,area\n1,12,300\n2,15,280\n"))
    assert not is_label_table(write(tmp_path, "ID,Label\nroi-a,soma\nroi-b,neurite\n"))


def test_an_index_of_thousands_of_digits_is_no_index(tmp_path: Path) -> None:
    table = read_label_table(write(tmp_path, "Id,Target\na," + "9" * 5000 + "\n"))
    assert "is no index from 0 to 27 and no location's name" in table.problems[0]
