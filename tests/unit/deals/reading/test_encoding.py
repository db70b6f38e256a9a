"""The encoding of an export that does not say which it has."""

import pytest

from closecast.deals.reading.encoding import decode

_NAMES = {
    "cp1252": "Jürgen Müller;Köln;Hélène Lefèvre;François;Gagnée",
    "cp1250": "Łukasz Wójcik;Małgorzata Dąbrowska;Wygrana sprzedaż",
    "cp1251": "Иван Петров;Мария Иванова;Сделка выиграна",
    "cp1253": "Γιώργος Παπαδόπουλος;Κερδισμένη συμφωνία",
    "cp850": "Hélène Lefèvre;François;Étape gagnée",
    "gb18030": "王小明;已经赢单的客户;李雷;输单",
    "utf-16-le": "Jürgen Müller;Köln",
}


@pytest.mark.parametrize("rows", [2, 5, 400])
@pytest.mark.parametrize("encoding", _NAMES)
def test_names_are_read_as_they_were_written(encoding: str, rows: int) -> None:
    text = "Id;Owner\n" + "".join(f"{number};{_NAMES[encoding]}\n" for number in range(rows))
    assert decode(text.encode(encoding))[0] == text


@pytest.mark.parametrize("rows", [1, 5, 400])
@pytest.mark.parametrize("cell", ["{0},50 €", "£{0}.00", "Deal \u2013 “{0}”", "{0}\u00a0000,00", "{0} ™", "{0} °C"])
def test_signs_alone_are_taken_for_the_usual_encoding(cell: str, rows: int) -> None:
    text = "Id;Amount\n" + "".join(f"{number};{cell.format(7 * number)}\n" for number in range(rows))
    assert decode(text.encode("cp1252")) == (text, "cp1252")
