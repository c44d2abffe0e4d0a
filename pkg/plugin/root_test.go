package plugin

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestUnknownCommand(t *testing.T) {
	for typed, want := range map[string]string{
		"craete":     `unknown command "craete"; did you mean create?`,
		"expose":     `unknown command "expose"; did you mean create?`,
		"frobnicate": `unknown command "frobnicate"`,
	} {
		assert.Equal(t, answer{ExitFailed, "", "error: " + want + "\nSee 'kubectl grpcexpose --help'\n"}, command(t, typed))
	}
}
