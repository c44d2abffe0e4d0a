package traffic

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTLSOptions(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, []byte("nothing"), 0o644))
	tests := map[string]struct {
		options TLSOptions
		problem string
	}{
		"no authority file":     {TLSOptions{CACertificate: "/missing.pem"}, "the certificate authority cannot be read: "},
		"no authority in it":    {TLSOptions{CACertificate: empty}, empty + " has no certificate in PEM"},
		"certificate alone":     {TLSOptions{Certificate: empty}, "a client's certificate and its key go together"},
		"no certificate in it":  {TLSOptions{Certificate: empty, Key: empty}, "the client's certificate cannot be used: "},
		"nothing, or anybody":   {TLSOptions{InsecureSkipVerify: true}, ""},
		"the system's, as none": {TLSOptions{}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config, err := test.options.Config(t.Context())
			if test.problem != "" {
				assert.ErrorContains(t, err, test.problem)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.options.InsecureSkipVerify, config.InsecureSkipVerify)
		})
	}
}
