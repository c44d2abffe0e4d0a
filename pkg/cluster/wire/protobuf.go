package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"k8s.io/apimachinery/pkg/api/meta"
	metainternal "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// The numbers of the fields that all lists and objects have in common, and of those of the envelope around an answer.
// Source: the generated.proto files of k8s.io/apimachinery and k8s.io/api, which never change a number.
const (
	envelopeRaw    = 2  // runtime.Unknown.raw
	listMetadata   = 1  // PodList.metadata
	listItems      = 2  // PodList.items
	objectMetadata = 1  // Pod.metadata
	managedFields  = 17 // ObjectMeta.managedFields
)

// The numbers on the way to what has no bearing on calls in the objects that make pods.
const (
	workloadSpec   = 2  // Deployment.spec
	podTemplate    = 3  // DeploymentSpec.template
	templateSpec   = 2  // PodTemplateSpec.spec
	volumes        = 1  // PodSpec.volumes
	containers     = 2  // PodSpec.containers
	initContainers = 20 // PodSpec.initContainers
	resources      = 8  // Container.resources
	volumeMounts   = 9  // Container.volumeMounts
	workloadStatus = 3  // Deployment.status
)

// fieldTree is fields of a message by their numbers, each with those of the message that it is; nil means the field as a whole.
type fieldTree map[protowire.Number]fieldTree

var ownersOfFields = fieldTree{objectMetadata: {managedFields: nil}}

// notOfCalls is what no check reads of what makes pods; one that has a use for any of it takes it off this list.
func notOfCalls(conditions protowire.Number) fieldTree {
	return fieldTree{
		objectMetadata: ownersOfFields[objectMetadata],
		workloadSpec: {podTemplate: {templateSpec: {
			volumes: nil, containers: {resources: nil, volumeMounts: nil}, initContainers: {resources: nil, volumeMounts: nil},
		}}},
		workloadStatus: {conditions: nil},
	}
}

// leftOut are the fields of a kind that are not decoded.
var leftOut = map[mesh.Kind]fieldTree{
	mesh.KindDeployment:  notOfCalls(6),  // DeploymentStatus.conditions
	mesh.KindStatefulSet: notOfCalls(10), // StatefulSetStatus.conditions
	mesh.KindDaemonSet:   notOfCalls(10), // DaemonSetStatus.conditions
}

// protobufMark begins every answer in protobuf.
// Source: k8s.io/apimachinery/pkg/runtime/serializer/protobuf/protobuf.go.
var protobufMark = []byte("k8s\x00")

// List reads a list of a kind that the program has the type of. The items of an answer in protobuf are decoded one by one as they come in,
// and without entire without what nobody asks for: who owns which field is more than half of what the server says of a pod. A list of
// pods' metadata decodes as pods, because the metadata is the same field in both.
func List(answer *bufio.Reader, kind mesh.Kind, entire bool) (runtime.Object, error) {
	if mark, _ := answer.Peek(len(protobufMark)); !bytes.Equal(mark, protobufMark) {
		return fromJSON(answer, kind, entire)
	}
	return fromProtobuf(answer, kind, entire)
}

// fromProtobuf takes the envelope off.
func fromProtobuf(answer *bufio.Reader, kind mesh.Kind, entire bool) (*metainternal.List, error) {
	if _, err := answer.Discard(len(protobufMark)); err != nil {
		return nil, err
	}
	var list *metainternal.List
	for envelope := (&fieldReader{stream: answer, left: -1}); ; {
		number, field, err := envelope.next()
		switch {
		case errors.Is(err, io.EOF) && list != nil:
			return list, nil
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err == nil && number == envelopeRaw:
			list = &metainternal.List{}
			err = readItems(list, field, kind, entire)
		case err == nil:
			err = field.skip()
		}
		if err != nil {
			return nil, err
		}
	}
}

// readItems decodes the list itself.
func readItems(list *metainternal.List, message *fieldReader, kind mesh.Kind, entire bool) error {
	var buffer []byte
	for {
		number, field, err := message.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if buffer, err = field.value(buffer); err != nil {
			return err
		}
		switch number {
		case listMetadata:
			err = list.ListMeta.Unmarshal(buffer)
		case listItems:
			var item runtime.Object
			item, err = decodeItem(buffer, kind, entire)
			list.Items = append(list.Items, item)
		}
		if err != nil {
			return err
		}
	}
}

func decodeItem(item []byte, kind mesh.Kind, entire bool) (runtime.Object, error) {
	object, err := BuiltIn().New(kind.Info().GroupVersionKind)
	if err != nil {
		return nil, err
	}
	if !entire {
		unread, ok := leftOut[kind]
		if !ok {
			unread = ownersOfFields
		}
		if item, err = without(item, unread); err != nil {
			return nil, err
		}
	}
	return object, object.(interface{ Unmarshal([]byte) error }).Unmarshal(item)
}

// fromJSON is the same for what stands between here and the API server and speaks JSON only.
func fromJSON(answer io.Reader, kind mesh.Kind, entire bool) (runtime.Object, error) {
	of := kind.Info().GroupVersionKind
	of.Kind += "List"
	list, err := BuiltIn().New(of)
	if err != nil {
		return nil, err
	}
	if err := json.NewDecoder(answer).Decode(list); err != nil || entire {
		return list, err
	}
	return list, meta.EachListItem(list, func(item runtime.Object) error {
		item.(mesh.Object).SetManagedFields(nil)
		return nil
	})
}

// eachField calls do with every field of a message: its number, the whole field, and its value if that is bytes, as it is of
// strings and messages.
func eachField(message []byte, do func(number protowire.Number, field, value []byte) error) error {
	for len(message) > 0 {
		number, kind, tagged := protowire.ConsumeTag(message)
		if tagged < 0 {
			return errNotProtobuf
		}
		length := protowire.ConsumeFieldValue(number, kind, message[tagged:])
		if length < 0 {
			return errNotProtobuf
		}
		field := message[:tagged+length]
		var value []byte
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(field[tagged:])
		}
		if err := do(number, field, value); err != nil {
			return err
		}
		message = message[len(field):]
	}
	return nil
}

// without is a message without some fields. It takes the place of the message, whose bytes are gone: what is kept is never longer
// than what was there.
func without(message []byte, some fieldTree) ([]byte, error) {
	kept := message[:0]
	err := eachField(message, func(number protowire.Number, field, value []byte) error {
		inside, named := some[number]
		switch {
		case !named:
			kept = append(kept, field...)
		case inside != nil:
			inner, err := without(value, inside)
			if err != nil {
				return err
			}
			kept = protowire.AppendTag(kept, number, protowire.BytesType)
			kept = protowire.AppendBytes(kept, inner)
		}
		return nil
	})
	return kept, err
}
