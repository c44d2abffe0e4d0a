package cluster

import (
	"bufio"
	"context"

	"k8s.io/client-go/rest"
)

// answered sends a request and calls use with the answer as it comes in: lists are large, and nobody needs their bytes twice.
func answered(ctx context.Context, request *rest.Request, use func(*bufio.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	stream, err := request.Stream(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	return use(bufio.NewReaderSize(stream, 1<<14))
}
