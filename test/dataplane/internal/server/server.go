// Package server is the gRPC server of the tests: a process for each pod, on the pod's address, that says which pod it is.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/examples/helloworld/helloworld"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
)

// The environment variables that make a program the server: where it listens, and which pod it is.
const (
	AddressVariable = "DATAPLANE_SERVER"
	PodVariable     = "DATAPLANE_POD"
	// HealthOnlyVariable, if set, leaves all services out but that of health.
	HealthOnlyVariable = "DATAPLANE_HEALTH_ONLY"
)

// PodHeader is the response header that has the name of the pod that answers.
const PodHeader = "x-pod"

// graceful is how long calls under way have after SIGTERM.
const graceful = 5 * time.Second

// Main serves until it is told to stop, if the environment says so; otherwise it does nothing.
func Main() {
	address := os.Getenv(AddressVariable)
	if address == "" {
		return
	}
	if err := serve(address, os.Getenv(PodVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(address, pod string) error {
	listener, err := listen(address)
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(sayPod(pod)), grpc.StreamInterceptor(sayPodOfStream(pod)))
	healthv1.RegisterHealthServer(server, health.NewServer())
	if os.Getenv(HealthOnlyVariable) == "" {
		helloworld.RegisterGreeterServer(server, greeter{pod: pod})
		grpc_testing.RegisterTestServiceServer(server, streams{})
		reflection.Register(server)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		time.AfterFunc(graceful, server.Stop)
		server.GracefulStop()
	}()
	return server.Serve(listener)
}

// listen waits for the server of an older pod that has had the address: kwok gives addresses out again at once.
func listen(address string) (net.Listener, error) {
	for deadline := time.Now().Add(graceful); ; time.Sleep(5 * time.Millisecond) {
		listener, err := net.Listen("tcp", address)
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			return listener, err
		}
	}
}

func sayPod(pod string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if err := grpc.SetHeader(ctx, podHeader(pod)); err != nil {
			return nil, err
		}
		return handler(ctx, request)
	}
}

func sayPodOfStream(pod string) grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if err := stream.SetHeader(podHeader(pod)); err != nil {
			return err
		}
		return handler(service, stream)
	}
}

// greeter greets in the name of its pod.
type greeter struct {
	helloworld.UnimplementedGreeterServer
	pod string
}

func (g greeter) SayHello(context.Context, *helloworld.HelloRequest) (*helloworld.HelloReply, error) {
	return &helloworld.HelloReply{Message: g.pod}, nil
}

// streams has a method of each kind of streaming.
type streams struct {
	grpc_testing.UnimplementedTestServiceServer
}

func (streams) UnaryCall(context.Context, *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	return &grpc_testing.SimpleResponse{}, nil
}

// StreamingOutputCall sends an answer for each parameter, after the parameter's interval.
func (streams) StreamingOutputCall(request *grpc_testing.StreamingOutputCallRequest, stream grpc_testing.TestService_StreamingOutputCallServer) error {
	return answer(request, stream.Send)
}

// StreamingInputCall adds up the sizes of what it is sent.
func (streams) StreamingInputCall(stream grpc_testing.TestService_StreamingInputCallServer) error {
	size := 0
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&grpc_testing.StreamingInputCallResponse{AggregatedPayloadSize: int32(size)})
		}
		if err != nil {
			return err
		}
		size += len(request.GetPayload().GetBody())
	}
}

// FullDuplexCall answers each request as StreamingOutputCall does.
func (streams) FullDuplexCall(stream grpc_testing.TestService_FullDuplexCallServer) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := answer(request, stream.Send); err != nil {
			return err
		}
	}
}

func podHeader(pod string) metadata.MD { return metadata.Pairs(PodHeader, pod) }

func answer(request *grpc_testing.StreamingOutputCallRequest, send func(*grpc_testing.StreamingOutputCallResponse) error) error {
	for _, parameters := range request.GetResponseParameters() {
		time.Sleep(time.Duration(parameters.GetIntervalUs()) * time.Microsecond)
		payload := &grpc_testing.Payload{Body: make([]byte, parameters.GetSize())}
		if err := send(&grpc_testing.StreamingOutputCallResponse{Payload: payload}); err != nil {
			return err
		}
	}
	return nil
}
