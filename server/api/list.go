package api

// ReadPage reads the page that a request chooses. read returns at most limit rows,
// newest first, those behind the key when it is given; key is a row's place.
func ReadPage[E any](page *Page, key func(row *E) Key, read func(behind *Key, limit int) ([]*E, error)) (List[*E], error) {
	var behind *Key
	if keyset, ok := page.Keyset(); ok {
		place, err := ParseKey(keyset)
		if err != nil {
			return List[*E]{}, err
		}
		behind = &place
	}
	rows, err := read(behind, page.Limit())
	if err != nil {
		return List[*E]{}, err
	}
	return NewList(page, rows, func(row *E) []byte { return key(row).Bytes() }), nil
}
