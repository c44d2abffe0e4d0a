package checks

import (
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// MessageWithout is a message without the field at a path of JSON names and places in lists. It shares everything else with the
// message, which may be large: nobody may change it.
func MessageWithout(message protoreflect.Message, path []string) protoreflect.Message {
	copied := message.New()
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		copied.Set(field, value)
		return true
	})
	field := message.Descriptor().Fields().ByJSONName(path[0])
	switch {
	case field == nil || !message.Has(field):
	case len(path) == 1:
		copied.Clear(field)
	case field.IsList():
		copied.Set(field, protoreflect.ValueOfList(listWithout(message.Get(field).List(), copied.NewField(field).List(), path[1:])))
	case field.Message() != nil && !field.IsMap():
		copied.Set(field, protoreflect.ValueOfMessage(MessageWithout(message.Get(field).Message(), path[1:])))
	}
	return copied
}

// listWithout fills an empty list of messages with those of another one, of which the path leads into one.
func listWithout(list, empty protoreflect.List, path []string) protoreflect.List {
	for i := range list.Len() {
		switch {
		case strconv.Itoa(i) != path[0]:
			empty.Append(list.Get(i))
		case len(path) > 1:
			empty.Append(protoreflect.ValueOfMessage(MessageWithout(list.Get(i).Message(), path[1:])))
		}
	}
	return empty
}
