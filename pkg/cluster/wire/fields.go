package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// errNotProtobuf stops what would otherwise be taken for an object of absurd size.
var errNotProtobuf = errors.New("the server's answer is not the protobuf that it claims to be")

// largestMessage is far above what etcd stores of one object.
const largestMessage = 1 << 26

// fieldReader reads a message of strings and messages field by field as it comes in.
type fieldReader struct {
	stream *bufio.Reader
	// left is how many bytes of the message are to come; negative where it ends with the stream.
	left int64
}

// next is the number of the next field, and a reader of its value that is to be read to its end before the next call. The error
// at the end is io.EOF.
func (r *fieldReader) next() (protowire.Number, *fieldReader, error) {
	if r.left == 0 {
		return 0, nil, io.EOF
	}
	tag, err := binary.ReadUvarint(r)
	if errors.Is(err, io.EOF) && r.left > 0 {
		err = io.ErrUnexpectedEOF // the stream ends before the message
	}
	if err != nil {
		return 0, nil, err
	}
	number, kind := protowire.DecodeTag(tag)
	length, err := binary.ReadUvarint(r)
	switch {
	case errors.Is(err, io.EOF):
		return 0, nil, io.ErrUnexpectedEOF
	case err != nil:
		return 0, nil, err
	case kind != protowire.BytesType, r.left >= 0 && length > uint64(r.left), length > 1<<62:
		return 0, nil, errNotProtobuf
	}
	if r.left > 0 {
		r.left -= int64(length)
	}
	return number, &fieldReader{stream: r.stream, left: int64(length)}, nil
}

// ReadByte is for the numbers before a field's value.
func (r *fieldReader) ReadByte() (byte, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	read, err := r.stream.ReadByte()
	if err == nil && r.left > 0 {
		r.left--
	}
	return read, err
}

// value reads all that is left, into the buffer where it is large enough.
func (r *fieldReader) value(buffer []byte) ([]byte, error) {
	if r.left > largestMessage {
		return nil, errNotProtobuf
	}
	if int64(cap(buffer)) < r.left {
		buffer = make([]byte, r.left)
	}
	buffer = buffer[:r.left]
	_, err := io.ReadFull(r.stream, buffer)
	return buffer, err
}

// skip passes over all that is left.
func (r *fieldReader) skip() error {
	_, err := io.CopyN(io.Discard, r.stream, r.left)
	return err
}
