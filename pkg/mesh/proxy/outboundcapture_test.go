package proxy

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOutboundCapture(t *testing.T) {
	const excludePorts, includePorts = AnnotationExcludeOutboundPorts, AnnotationIncludeOutboundPorts
	const excludeRanges, includeRanges = AnnotationExcludeOutboundIPRanges, AnnotationIncludeOutboundIPRanges
	one := []string{"10.96.1.1"}
	for name, test := range map[string]struct {
		annotations map[string]string
		addresses   []string
		by          string
		captured    bool
	}{
		"nothing said":                   {nil, one, "", true},
		"port excluded":                  {map[string]string{excludePorts: "9090, 8000"}, one, excludePorts, false},
		"another port excluded":          {map[string]string{excludePorts: "80001,800"}, one, "", true},
		"excluded and included":          {map[string]string{excludePorts: "8000", includePorts: "8000"}, one, excludePorts, false},
		"range excluded":                 {map[string]string{excludeRanges: "10.96.0.0/12"}, one, excludeRanges, false},
		"one address of two excluded":    {map[string]string{excludeRanges: "10.96.1.1"}, []string{"10.96.1.1", "fd00::1"}, "", true},
		"all ranges included":            {map[string]string{includeRanges: "*"}, one, "", true},
		"range included":                 {map[string]string{includeRanges: "10.0.0.0/8"}, one, includeRanges, true},
		"range not included":             {map[string]string{includeRanges: "10.4.0.0/16,10.5.0.1"}, one, includeRanges, false},
		"no range included":              {map[string]string{includeRanges: ""}, one, includeRanges, false},
		"no range, but the port":         {map[string]string{includeRanges: "", includePorts: "8000"}, one, "", true},
		"a range, and address not known": {map[string]string{includeRanges: "10.4.0.0/16"}, nil, includeRanges, true},
		"none, and address not known":    {map[string]string{includeRanges: ""}, nil, includeRanges, false},
	} {
		t.Run(name, func(t *testing.T) {
			by, captured := OutboundCapture(test.annotations, test.addresses, 8000)
			assert.Equal(t, test.captured, captured)
			if !captured {
				assert.Equal(t, test.by, by)
			}
		})
	}
}
