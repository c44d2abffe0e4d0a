package cluster

import (
	"bytes"
	"context"
	"sync"

	"k8s.io/client-go/rest"
)

// answers are buffers for whole answers. Lists come in many pages and in parallel, and a buffer for each would be most of the
// memory that reading a cluster takes.
var answers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// answered sends a request and calls use with the bytes of the answer, which are use's own until it returns, and no longer.
func answered(ctx context.Context, request *rest.Request, use func(data []byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	stream, err := request.Stream(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	buffer := answers.Get().(*bytes.Buffer)
	defer answers.Put(buffer)
	buffer.Reset()
	if _, err := buffer.ReadFrom(stream); err != nil {
		return err
	}
	return use(buffer.Bytes())
}
