package traffic

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Call is a call that can be made many times.
type Call struct {
	// Name is package.Service/Method.
	Name string
	// Note says why it is this one where that is not plain; it may be empty.
	Note string

	make func(context.Context, *Connection) error
}

// Wish is what a user wants to be called. The zero Wish leaves it to Choose.
type Wish struct {
	// Method is package.Service/Method.
	Method string
	// Data is the request as JSON; empty for one without any field set.
	Data string
	// ProtoFiles describe the method, and are found in the ImportPaths; without any the server is asked by reflection.
	ProtoFiles  []string
	ImportPaths []string
}

// Choose finds the call to make: the wished one; else that of the health service if the server has it; else the list of its
// services by reflection. A server that has neither, and a gateway that routes neither, get calls of the health service all
// the same: their answer is what there is to be seen. No probe takes more than a share of the time.
func Choose(ctx context.Context, c *Connection, wish Wish) (Call, error) {
	if wish.Method != "" {
		return wishedCall(ctx, c, wish)
	}
	health := healthCall()
	if !isUnimplemented(probe(ctx, c, health)) {
		return health, nil
	}
	for _, version := range reflectionVersions {
		list := listCall(version)
		if !isUnimplemented(probe(ctx, c, list)) {
			list.Note = "there is no health service"
			return list, nil
		}
	}
	health.Note = "neither a health service nor reflection answers; name a method of yours with --call"
	return health, nil
}

func probe(ctx context.Context, c *Connection, call Call) error {
	ctx, cancel := TimeShare(ctx, 8, probeTime)
	defer cancel()
	return call.make(ctx, c)
}

// Await tries until a call succeeds or ctx ends: what has just been configured reaches proxies a moment later. It gives no
// error: calls that still fail are what Run is to show. Each try has a connection of its own.
func Await(ctx context.Context, target Target, wish Wish) {
	const pause = 100 * time.Millisecond
	for {
		if answers(ctx, target, wish) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func answers(ctx context.Context, target Target, wish Wish) bool {
	c, err := Connect(target)
	if err != nil {
		return false
	}
	defer c.Close()
	call, err := Choose(ctx, c, wish)
	return err == nil && probe(ctx, c, call) == nil
}

func isUnimplemented(err error) bool { return status.Code(err) == codes.Unimplemented }

func healthCall() Call {
	request, err := proto.Marshal(&healthv1.HealthCheckRequest{})
	if err != nil {
		panic(err) // an empty message can be encoded
	}
	return unaryCall(healthv1.Health_Check_FullMethodName, request)
}

func unaryCall(method string, request []byte) Call {
	return Call{
		Name: strings.TrimPrefix(method, "/"),
		make: func(ctx context.Context, c *Connection) error { return c.invoke(ctx, method, request) },
	}
}

// ownCall is a call that the user has named: it alone carries the user's headers.
func ownCall(method string, request []byte) Call {
	own := unaryCall(method, request)
	bare := own.make
	own.make = func(ctx context.Context, c *Connection) error { return bare(c.withHeaders(ctx), c) }
	return own
}

// wishedCall encodes the user's request with the method's description.
func wishedCall(ctx context.Context, c *Connection, wish Wish) (Call, error) {
	service, method, ok := strings.Cut(strings.TrimPrefix(wish.Method, "/"), "/")
	if !ok || !protoreflect.FullName(service).IsValid() || !protoreflect.Name(method).IsValid() {
		return Call{}, fmt.Errorf("%q is not a method: write package.Service/Method", wish.Method)
	}
	describe := describeByReflection
	switch {
	case service == healthv1.Health_ServiceDesc.ServiceName:
		describe = describeHealth
	case len(wish.ProtoFiles) > 0:
		describe = func(ctx context.Context, _ *Connection, name protoreflect.FullName) (protoreflect.Descriptor, error) {
			return describeByFiles(ctx, wish, name)
		}
	}
	found, err := describe(ctx, c, protoreflect.FullName(service))
	if err != nil {
		return Call{}, err
	}
	described, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return Call{}, fmt.Errorf("%s is not a service", service)
	}
	of := described.Methods().ByName(protoreflect.Name(method))
	switch {
	case of == nil:
		return Call{}, fmt.Errorf("the service %s has no method %s; it has %s", service, method, methodNames(described))
	case of.IsStreamingClient() || of.IsStreamingServer():
		return Call{}, fmt.Errorf("%s is a streaming method: name one with a single request and a single response", wish.Method)
	}
	request, err := encode(of.Input(), wish.Data)
	if err != nil {
		return Call{}, err
	}
	return ownCall("/"+service+"/"+method, request), nil
}

// describeHealth knows the health service without asking: a call of it with the user's headers then takes no probe.
func describeHealth(_ context.Context, _ *Connection, name protoreflect.FullName) (protoreflect.Descriptor, error) {
	return protoregistry.GlobalFiles.FindDescriptorByName(name)
}

func methodNames(service protoreflect.ServiceDescriptor) string {
	var names []string
	for i := range service.Methods().Len() {
		names = append(names, string(service.Methods().Get(i).Name()))
	}
	return shortened(strings.Join(names, ", "))
}

// encode turns JSON into the bytes of a message.
func encode(message protoreflect.MessageDescriptor, data string) ([]byte, error) {
	request := dynamicpb.NewMessage(message)
	if data != "" {
		if err := protojson.Unmarshal([]byte(data), request); err != nil {
			return nil, fmt.Errorf("the data is no %s: %w", message.FullName(), err)
		}
	}
	return proto.Marshal(request)
}
