package exposure

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"
)

// listenSetting is an argument or a variable of a container that says where its gRPC server listens.
type listenSetting struct {
	text string
	port int32
}

// listenAddress is a port, or an address on which a server listens for calls from anywhere: 9000, :9000, 0.0.0.0:9000.
var listenAddress = regexp.MustCompile(`^(?:(?:0\.0\.0\.0|\[::\]|\*)?:)?(\d{2,5})$`)

// ofOthers are words in a setting's name that make it one of a client, or of another server.
var ofOthers = []string{"client", "upstream", "backend", "target", "remote", "metrics", "web", "gateway", "gw", "rest", "max", "timeout", "size"}

// listenSettings are those of a container whose name begins with grpc, as --grpc-address=:9000 and GRPC_PORT=9000. One that begins with
// another word names another server, which the container calls.
func listenSettings(container *core.Container) []listenSetting {
	var settings []listenSetting
	add := func(name, value, text string) {
		words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("-_.", r) })
		if len(words) > 1 && slices.Contains([]string{"server", "listen", "app"}, words[0]) {
			words = words[1:]
		}
		address := listenAddress.FindStringSubmatch(value)
		if address == nil || len(words) == 0 || words[0] != "grpc" || slices.ContainsFunc(words, func(w string) bool { return slices.Contains(ofOthers, w) }) {
			return
		}
		if port, err := strconv.ParseInt(address[1], 10, 32); err == nil && port > 0 && port < 1<<16 {
			settings = append(settings, listenSetting{text, int32(port)})
		}
	}
	arguments := slices.Concat(container.Command, container.Args)
	for i, argument := range arguments {
		name, value, joined := strings.Cut(argument, "=")
		text := "argument " + argument
		if !joined && strings.HasPrefix(name, "-") && i+1 < len(arguments) {
			value, text = arguments[i+1], text+" "+arguments[i+1]
		}
		if strings.HasPrefix(name, "-") {
			add(name, value, text)
		}
	}
	for _, variable := range container.Env {
		add(variable.Name, variable.Value, "variable "+variable.Name+"="+variable.Value)
	}
	return settings
}

// settingFor is the one that names the port; empty where none does.
func settingFor(container *core.Container, number int32) string {
	for _, setting := range listenSettings(container) {
		if setting.port == number {
			return setting.text
		}
	}
	return ""
}
