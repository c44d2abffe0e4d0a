package traffic

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// fieldBudget is how many protobuf fields may still be decoded.
type fieldBudget int

// decode decodes a message once its fields are counted.
func (b *fieldBudget) decode(encoded []byte, into proto.Message) error {
	if err := b.spend(into.ProtoReflect().Descriptor(), encoded, 0); err != nil {
		return err
	}
	return proto.Unmarshal(encoded, into)
}

var errNesting = fmt.Errorf("its messages are nested more than %d deep, which is all that is read", maxDescriptionNesting)

// spend counts the fields of a message, and of those in it, without decoding them.
func (b *fieldBudget) spend(message protoreflect.MessageDescriptor, encoded []byte, depth int) error {
	if depth > maxDescriptionNesting {
		return errNesting
	}
	for len(encoded) > 0 {
		if *b--; *b < 0 {
			return fmt.Errorf("it has more than %d fields, which is all that is read", maxDescriptionFields)
		}
		number, kind, tag := protowire.ConsumeTag(encoded)
		if tag < 0 {
			return errors.New("it is not protobuf")
		}
		length := protowire.ConsumeFieldValue(number, kind, encoded[tag:])
		if length < 0 {
			return errors.New("it is not protobuf")
		}
		field := message.Fields().ByNumber(number)
		if kind == protowire.BytesType && field != nil && field.Message() != nil {
			inner, _ := protowire.ConsumeBytes(encoded[tag:])
			if err := b.spend(field.Message(), inner, depth+1); err != nil {
				return err
			}
		}
		encoded = encoded[tag+length:]
	}
	return nil
}
