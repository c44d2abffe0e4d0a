package traffic

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
)

// reflectionVersions are the packages of the reflection service, the best first. The messages of v1alpha are those of v1
// under another name.
var reflectionVersions = []string{"grpc.reflection.v1", "grpc.reflection.v1alpha"}

func reflectionMethod(version string) string {
	return "/" + version + ".ServerReflection/ServerReflectionInfo"
}

// listCall asks for the names of the server's services: a stream with one question and one answer, which nobody reads.
func listCall(version string) Call {
	method := reflectionMethod(version)
	return Call{Name: method[1:], make: func(ctx context.Context, c *Connection) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		asked, err := newConversation(ctx, c, version)
		if err != nil {
			return err
		}
		_, err = asked.ask(&reflectionv1.ServerReflectionRequest{
			MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{ListServices: "*"},
		})
		return err
	}}
}

// conversation is one with the server about what it serves. The user's headers are not sent: they are for the user's own call.
type conversation struct {
	stream grpc.ClientStream
}

func newConversation(ctx context.Context, c *Connection, version string) (*conversation, error) {
	description := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream, err := c.client.NewStream(ctx, description, reflectionMethod(version), grpc.ForceCodec(bytesCodec{}))
	return &conversation{stream: stream}, err
}

// ask gives the answer as it came.
func (r *conversation) ask(question *reflectionv1.ServerReflectionRequest) (answer []byte, err error) {
	encoded, err := proto.Marshal(question)
	if err != nil {
		return nil, err
	}
	if err := r.stream.SendMsg(encoded); err != nil {
		// The stream has ended; receiving gives the status with which it did.
		return nil, errors.Join(r.stream.RecvMsg(&answer), err)
	}
	err = r.stream.RecvMsg(&answer)
	return answer, err
}

// describeByReflection asks the server for what a name means.
func describeByReflection(ctx context.Context, c *Connection, name protoreflect.FullName) (protoreflect.Descriptor, error) {
	bounded, cancel := TimeShare(ctx, 4, describeTime)
	defer cancel()
	var failure error
	for _, version := range reflectionVersions {
		asked, err := newConversation(bounded, c, version)
		if err == nil {
			var found protoreflect.Descriptor
			if found, err = newDescription(asked).of(bounded, name); err == nil {
				return found, nil
			}
		}
		failure = err
		if !isUnimplemented(err) {
			break
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case bounded.Err() != nil:
		return nil, fmt.Errorf("%s cannot be looked up by reflection: %s takes more than its share of --timeout (%s at most); describe the method with --proto FILE",
			name, c.address, describeTime)
	case isUnimplemented(failure):
		return nil, errors.New("the server does not offer reflection, or no route leads to it: describe the method with --proto FILE")
	}
	return nil, fmt.Errorf("%s cannot be looked up by reflection: %s: %s", name, c.address, shortened(failure.Error()))
}

// description is what a server says of a name: the files that declare it, as far as they are read.
type description struct {
	asked *conversation
	files map[string]*descriptorpb.FileDescriptorProto
	// bytes and fields are how much may still come.
	bytes  int
	fields fieldBudget
}

func newDescription(asked *conversation) *description {
	return &description{asked: asked, files: map[string]*descriptorpb.FileDescriptorProto{}, bytes: maxDescription, fields: maxDescriptionFields}
}

// of gathers the file that declares the name and all that it imports.
func (d *description) of(ctx context.Context, name protoreflect.FullName) (protoreflect.Descriptor, error) {
	missing, err := d.add(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: string(name)},
	})
	for err == nil && len(missing) > 0 {
		path := missing[0]
		missing = missing[1:]
		if d.files[path] != nil {
			continue
		}
		var more []string
		more, err = d.add(&reflectionv1.ServerReflectionRequest{
			MessageRequest: &reflectionv1.ServerReflectionRequest_FileByFilename{FileByFilename: path},
		})
		if err == nil && d.files[path] == nil {
			err = fmt.Errorf("the server does not give the file %s", path)
		}
		missing = append(missing, more...)
	}
	if err != nil {
		return nil, err
	}
	return interrupt.Until(ctx, func() (protoreflect.Descriptor, error) { return d.find(name) })
}

// find puts the files together.
func (d *description) find(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if err := d.checkPublicImports(); err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range d.files {
		set.File = append(set.File, file)
	}
	registry, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, fmt.Errorf("the server's descriptions do not fit together: %w", err)
	}
	return registry.FindDescriptorByName(name)
}

// add asks for files, keeps them, and gives their imports.
func (d *description) add(question *reflectionv1.ServerReflectionRequest) (imports []string, err error) {
	encoded, err := d.asked.ask(question)
	if err != nil {
		return nil, err
	}
	if d.bytes -= len(encoded); d.bytes < 0 {
		return nil, fmt.Errorf("the server's description has more than %d MiB, which is all that is read", maxDescription>>20)
	}
	answer := &reflectionv1.ServerReflectionResponse{}
	if err := d.fields.decode(encoded, answer); err != nil {
		return nil, fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	if refused := answer.GetErrorResponse(); refused != nil {
		return nil, errors.New(refused.GetErrorMessage())
	}
	for _, text := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := d.fields.decode(text, file); err != nil {
			return nil, fmt.Errorf("the server's description cannot be read: %w", err)
		}
		file.SourceCodeInfo = nil
		d.files[file.GetName()] = file
		if len(d.files) > maxDescriptionFiles {
			return nil, fmt.Errorf("the server's description has more than %d files, which is all that is read", maxDescriptionFiles)
		}
		imports = append(imports, file.GetDependency()...)
	}
	return imports, nil
}

// maxPublicImports bounds the paths along which files import one another publicly.
const maxPublicImports = 100_000

// checkPublicImports refuses files whose public imports fan out: protodesc follows each path anew, so that thirty files that
// each import the next ones publicly are a thousand million paths.
// Source: google.golang.org/protobuf/reflect/protodesc, desc.go (importSet.importPublic).
func (d *description) checkPublicImports() error {
	paths := map[string]int{}
	var count func(name string) int
	count = func(name string) int {
		if known, ok := paths[name]; ok {
			return known
		}
		paths[name] = maxPublicImports // what a cycle comes back to
		file, sum := d.files[name], 0
		for _, index := range file.GetPublicDependency() {
			if int(index) >= 0 && int(index) < len(file.GetDependency()) {
				sum = min(maxPublicImports, sum+1+count(file.GetDependency()[index]))
			}
		}
		paths[name] = sum
		return sum
	}
	for name := range d.files {
		if count(name) >= maxPublicImports {
			return fmt.Errorf("the server's descriptions import one another publicly along more than %d paths, which is all that is followed", maxPublicImports)
		}
	}
	return nil
}
