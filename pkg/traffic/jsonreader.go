package traffic

import (
	"encoding/json"
	"fmt"
)

// jsonReader reads JSON piece by piece.
type jsonReader struct{ decoder *json.Decoder }

// object calls field at the value of each field; field reads it.
func (r *jsonReader) object(field func(key string) error) error {
	if err := r.delimiter('{'); err != nil {
		return err
	}
	for r.decoder.More() {
		token, err := r.decoder.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		if err := field(key); err != nil {
			return err
		}
	}
	return r.delimiter('}')
}

// array calls element at each element; element reads it.
func (r *jsonReader) array(element func() error) error {
	if err := r.delimiter('['); err != nil {
		return err
	}
	for r.decoder.More() {
		if err := element(); err != nil {
			return err
		}
	}
	return r.delimiter(']')
}

func (r *jsonReader) delimiter(wanted json.Delim) error {
	token, err := r.decoder.Token()
	if err != nil {
		return err
	}
	if token != wanted {
		return fmt.Errorf("%s is missing", wanted)
	}
	return nil
}

// maxSkipped is how deep a value is nested that is passed over.
const maxSkipped = 100

// skip passes over a value without keeping it.
func (r *jsonReader) skip() error {
	for depth := 0; ; {
		token, err := r.decoder.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		switch {
		case depth == 0:
			return nil
		case depth > maxSkipped:
			return fmt.Errorf("it is nested more than %d deep", maxSkipped)
		}
	}
}
