package wire

import (
	"bufio"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// JSONItems decodes a list item by item, as it comes in. use must not keep the item, whose bytes the next one takes.
func JSONItems(answer *bufio.Reader, about *metav1.ListMeta, use func(item json.RawMessage)) error {
	decoder := json.NewDecoder(answer)
	if err := expect(decoder, json.Delim('{')); err != nil {
		return err
	}
	var value json.RawMessage
	for decoder.More() {
		field, err := decoder.Token()
		if err != nil {
			return err
		}
		switch field {
		case "metadata":
			err = decoder.Decode(about)
		case "items":
			err = readJSONItems(decoder, use)
		default:
			err = decoder.Decode(&value)
		}
		if err != nil {
			return err
		}
	}
	return expect(decoder, json.Delim('}'))
}

func readJSONItems(decoder *json.Decoder, use func(item json.RawMessage)) error {
	begin, err := decoder.Token()
	if err != nil || begin == nil { // null is an empty list
		return err
	}
	if begin != json.Delim('[') {
		return notList(begin)
	}
	var item json.RawMessage
	for decoder.More() {
		if err := decoder.Decode(&item); err != nil {
			return err
		}
		use(item)
	}
	return expect(decoder, json.Delim(']'))
}

func expect(decoder *json.Decoder, wanted json.Delim) error {
	token, err := decoder.Token()
	if err == nil && token != wanted {
		return notList(token)
	}
	return err
}

func notList(token json.Token) error {
	return fmt.Errorf("the answer is no list: it has %v out of place", token)
}
