package traffic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
)

// Admin is the admin interface of one proxy.
type Admin struct {
	// Address is host:port, Proxy what errors call it: "Pod istio-system/gateway-1".
	Address, Proxy string
}

// adminClient asks each proxy alone: it follows nobody elsewhere, takes no proxy settings, and unpacks nothing.
var adminClient = &http.Client{
	Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeaders},
	CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	},
}

// Counts are the proxy's ClusterCounts, from an answer that is bounded in bytes and in time.
func (a Admin) Counts(ctx context.Context, service, namespace string, port int32) (Counts, error) {
	bounded, cancel := TimeShare(ctx, 4, adminTime)
	defer cancel()
	counts, err := interrupt.Until(bounded, func() (Counts, error) { return a.counts(bounded, service, namespace, port) })
	switch {
	case err == nil:
		return counts, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case bounded.Err() != nil:
		return nil, fmt.Errorf("%s takes more than its share of --timeout (%s at most) to answer /clusters", a.Proxy, adminTime)
	default:
		return nil, fmt.Errorf("%s: %w", a.Proxy, err)
	}
}

func (a Admin) counts(ctx context.Context, service, namespace string, port int32) (Counts, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.Address+"/clusters?format=json", nil)
	if err != nil {
		return nil, err
	}
	response, err := adminClient.Do(request)
	if err != nil {
		return nil, errors.New(shortened(err.Error()))
	}
	defer func() { _ = response.Body.Close() }()
	switch {
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return nil, fmt.Errorf("it answers /clusters with a redirect (%d), which is not followed", response.StatusCode)
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers /clusters with the HTTP status %d", response.StatusCode)
	}
	return boundedCounts(response.Body, maxClusters, service, namespace, port)
}

func boundedCounts(body io.Reader, limit int64, service, namespace string, port int32) (Counts, error) {
	text := &io.LimitedReader{R: body, N: limit + 1}
	counts, err := clusterCounts(text, service, namespace, port)
	if err != nil && text.N <= 0 {
		return nil, fmt.Errorf("its answer to /clusters has more than %d MiB, which is all that is read", limit>>20)
	}
	return counts, err
}
