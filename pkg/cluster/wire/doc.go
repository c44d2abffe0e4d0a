// Package wire decodes lists as they come in, object by object: in protobuf, without what nobody reads, and in JSON. It is for pkg/cluster, so that a
// list of any length takes the memory of what is kept of it. It imports the model's kinds and knows no requests.
package wire
