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
)

// reflectionVersions are the packages of the reflection service, the best first. The messages of v1alpha are those of v1
// under another name.
var reflectionVersions = []string{"grpc.reflection.v1", "grpc.reflection.v1alpha"}

func reflectionMethod(version string) string {
	return "/" + version + ".ServerReflection/ServerReflectionInfo"
}

// listCall asks for the names of the server's services: a stream with one question and one answer.
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

// conversation is one with the server about what it serves.
type conversation struct {
	stream grpc.ClientStream
}

func newConversation(ctx context.Context, c *Connection, version string) (*conversation, error) {
	description := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream, err := c.client.NewStream(c.withHeaders(ctx), description, reflectionMethod(version))
	return &conversation{stream: stream}, err
}

func (r *conversation) ask(question *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
	answer := &reflectionv1.ServerReflectionResponse{}
	if err := r.stream.SendMsg(question); err != nil {
		// The stream has ended; receiving gives the status with which it did.
		return nil, errors.Join(r.stream.RecvMsg(answer), err)
	}
	err := r.stream.RecvMsg(answer)
	return answer, err
}

// describeByReflection asks the server for what a name means.
func describeByReflection(ctx context.Context, c *Connection, name protoreflect.FullName) (protoreflect.Descriptor, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failure error
	for _, version := range reflectionVersions {
		asked, err := newConversation(ctx, c, version)
		if err == nil {
			var found protoreflect.Descriptor
			if found, err = asked.describe(name); err == nil {
				return found, nil
			}
		}
		failure = err
		if !isUnimplemented(err) {
			break
		}
	}
	if isUnimplemented(failure) {
		return nil, errors.New("the server does not offer reflection, or no route leads to it: describe the method with --proto FILE")
	}
	return nil, fmt.Errorf("%s cannot be looked up by reflection: %w", name, failure)
}

// describe gathers the file that declares the name and all that it imports.
func (r *conversation) describe(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	files := map[string]*descriptorpb.FileDescriptorProto{}
	first, err := r.files(files, &reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: string(name)},
	})
	if err != nil {
		return nil, err
	}
	for missing := first; len(missing) > 0; {
		var next []string
		for _, path := range missing {
			if files[path] != nil {
				continue
			}
			more, err := r.files(files, &reflectionv1.ServerReflectionRequest{
				MessageRequest: &reflectionv1.ServerReflectionRequest_FileByFilename{FileByFilename: path},
			})
			if err != nil {
				return nil, err
			}
			if files[path] == nil {
				return nil, fmt.Errorf("the server does not give the file %s", path)
			}
			next = append(next, more...)
		}
		missing = next
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range files {
		set.File = append(set.File, file)
	}
	registry, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, fmt.Errorf("the server's descriptions do not fit together: %w", err)
	}
	return registry.FindDescriptorByName(name)
}

// files adds what an answer has, and gives the imports of it.
func (r *conversation) files(into map[string]*descriptorpb.FileDescriptorProto, question *reflectionv1.ServerReflectionRequest) (imports []string, err error) {
	answer, err := r.ask(question)
	if err != nil {
		return nil, err
	}
	if refused := answer.GetErrorResponse(); refused != nil {
		return nil, errors.New(refused.GetErrorMessage())
	}
	for _, encoded := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(encoded, file); err != nil {
			return nil, fmt.Errorf("the server's description cannot be read: %w", err)
		}
		into[file.GetName()] = file
		imports = append(imports, file.GetDependency()...)
	}
	return imports, nil
}
