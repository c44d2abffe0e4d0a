package traffic

import (
	"strings"
	"time"
	"unicode/utf8"
)

// What the other side may say. Gateways, pods and servers may be hostile: each answer is bounded, and so is what is made of it.
const (
	// maxMessage bounds one gRPC message after decompression, maxHeaders the headers or trailers of an answer.
	maxMessage = 4 << 20
	maxHeaders = 64 << 10
	// maxText bounds what is kept of an error message.
	maxText = 1 << 10

	// maxDescription, maxDescriptionFiles and maxDescriptionFields bound what a server says of one method by reflection: the bytes,
	// the files, and the protobuf fields in them, because an empty message of two bytes becomes hundreds in memory.
	maxDescription       = 16 << 20
	maxDescriptionFiles  = 1000
	maxDescriptionFields = 300_000
	// maxDescriptionNesting bounds how deep messages are nested in one another, as protobuf's own parsers do.
	// Source: protobuf, src/google/protobuf/io/coded_stream.cc (default_recursion_limit_).
	maxDescriptionNesting = 100

	// maxClusters bounds the answer of an Envoy to /clusters, maxHost what it says of one endpoint, maxEndpoints their number.
	maxClusters  = 64 << 20
	maxHost      = 64 << 10
	maxEndpoints = 20_000
	// maxRequests bounds a counter: more calls than any proxy lives to see, and few enough that sums do not overflow.
	maxRequests = 1 << 48

	// maxProtoFile and maxProtoFiles bound .proto files, each and together; maxProtoNesting how deep blocks are nested in one.
	maxProtoFile    = 1 << 20
	maxProtoFiles   = 8 << 20
	maxProtoNesting = 1000
	// maxPEM bounds a file with certificates: those of the system are about 200 kB.
	maxPEM = 4 << 20
)

const (
	// probeTime bounds a call that finds out what the server has, describeTime the answers about one method.
	probeTime    = 5 * time.Second
	describeTime = 10 * time.Second
	// adminTime bounds one answer of a proxy's admin interface.
	adminTime = 10 * time.Second
	// closeTime is how long the end of a connection may take before it is cut.
	closeTime = 100 * time.Millisecond
)

// shortened is a text of the other side's, cut where it is too long.
func shortened(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.ToValidUTF8(text[:end], "�") + " … (cut)"
}
