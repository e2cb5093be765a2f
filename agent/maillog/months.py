"""What syslog daemons call a month, by its place in the year, in the languages of our customers.

English is in `times`; this page is read once another name was met. Source: `abmon` of glibc's
locales, the dot behind an abbreviation left out. No name means two months.
"""

_NAMES = """
jan feb mär apr mai jun jul aug sep okt nov dez
jan feb mrz apr mai jun jul aug sep okt nov dez
janv févr mars avril mai juin juil août sept oct nov déc
ene feb mar abr may jun jul ago sep oct nov dic
gen feb mar apr mag giu lug ago set ott nov dic
jan fev mar abr mai jun jul ago set out nov dez
jan feb mrt apr mei jun jul aug sep okt nov dec
sty lut mar kwi maj cze lip sie wrz paź lis gru
jan feb mar apr maj jun jul aug sep okt nov dec
jan feb mars april mai juni juli aug sep okt nov des
tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu
led úno bře dub kvě čen čec srp zář říj lis pro
oca şub mar nis may haz tem ağu eyl eki kas ara
янв фев мар апр мая июн июл авг сен окт ноя дек
jan febr márc ápr máj jún júl aug szept okt nov dec
ian feb mar apr mai iun iul aug sep oct nov dec
"""
BY_NAME = {
    name: number
    for language in _NAMES.split("\n")
    for number, name in enumerate(language.split(), start=1)
}


def number_of(name: bytes) -> int | None:
    """1 to 12, whatever the case; None: no month's name. UTF-8, or Latin-1 as old daemons wrote."""
    for encoding in ("utf-8", "latin-1"):
        try:
            shown = name.decode(encoding)
        except UnicodeDecodeError:
            continue
        if found := BY_NAME.get(shown.casefold().rstrip(".")):
            return found
    return None
