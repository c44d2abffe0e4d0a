package manifest

import (
	"bytes"
	"encoding/json"
	"io"

	"go.yaml.in/yaml/v3"
)

// file is one text with the documents in it.
type file struct {
	// path is as the user gave it; messages show it.
	path string
	// inPlace says that the text is the content of the file at path, so that it can be edited there.
	inPlace bool
	// folder is the directory that the user named, or that the named file is in: what the file is a link to counts as named if
	// it is in there.
	folder string
	// utf16 says that the text was written in UTF-16, as Windows does.
	utf16 bool
	// generated says that the text has been made by a program, so that its lines mean nothing to the user.
	generated bool
	text      []byte
	// named says that the user named this very file, rather than a directory that it is in.
	named     bool
	documents []*document
}

// document is one YAML or JSON document of a file.
type document struct {
	file *file
	// start and end are byte offsets in the file's text.
	start, end int
	// firstLine is the line of start in the file, from 1.
	firstLine int
	// passedOver says that no object was read of it: it is none, or could not be read.
	passedOver bool
	// twin says that its one object is in an earlier document too, with the same content.
	twin bool
	// origin is where a generated document's object comes from.
	origin origin

	// parsed is the root, kept once a line has been asked for.
	parsed *yaml.Node
}

func (d *document) text() []byte { return d.file.text[d.start:d.end] }

// fileLine makes a line of the document one of the file; both count from 1.
func (d *document) fileLine(line int) int { return d.firstLine + line - 1 }

var byteOrderMark = []byte("\xef\xbb\xbf")

// split finds the documents of a text. A line that starts with "---" and a blank, or "...", ends a document wherever it
// stands: neither a block scalar nor a quoted string may have such a line. JSON values may follow one another without a
// separator.
func (f *file) split() {
	start := 0
	if bytes.HasPrefix(f.text, byteOrderMark) {
		start = len(byteOrderMark)
	}
	if ends, ok := jsonStream(f.text[start:]); ok {
		f.splitAt(start, ends)
		return
	}
	firstLine, line := 1, 0
	marked := false // the document has had its "---"
	for position := start; position < len(f.text); {
		line++
		next := len(f.text)
		if end := bytes.IndexByte(f.text[position:], '\n'); end >= 0 {
			next = position + end + 1
		}
		switch current := f.text[position:next]; {
		case isMarker(current, "..."):
			f.addDocument(start, position, firstLine)
			start, firstLine, marked = next, line+1, false
		case isMarker(current, "---"):
			// Comments and directives before the first "---" belong to the document that it begins.
			if marked || !isEmpty(f.text[start:position]) {
				f.addDocument(start, position, firstLine)
				start, firstLine = position, line
			}
			marked = true
		}
		position = next
	}
	f.addDocument(start, len(f.text), firstLine)
}

func (f *file) splitAt(start int, ends []int) {
	firstLine, origin := 1, start
	for _, end := range ends {
		f.addDocument(start, origin+end, firstLine)
		firstLine += bytes.Count(f.text[start:origin+end], []byte("\n"))
		start = origin + end
	}
}

func (f *file) addDocument(start, end, firstLine int) {
	if !isEmpty(f.text[start:end]) {
		f.documents = append(f.documents, &document{file: f, start: start, end: end, firstLine: firstLine})
	}
}

func isMarker(line []byte, marker string) bool {
	rest, marked := bytes.CutPrefix(line, []byte(marker))
	return marked && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// isEmpty says that a text has no content: blank lines, comments, a marker, and directives such as "%YAML 1.2".
func isEmpty(text []byte) bool {
	for line := range bytes.Lines(text) {
		if isMarker(line, "---") {
			line = line[len("---"):]
		}
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != '%' {
			return false
		}
	}
	return true
}

// jsonStream says whether a text is nothing but JSON objects, two of them or more, and where each ends.
func jsonStream(text []byte) (ends []int, ok bool) {
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		var value json.RawMessage
		switch err := decoder.Decode(&value); {
		case err == io.EOF:
			return ends, len(ends) > 1
		case err != nil:
			return nil, false
		}
		ends = append(ends, int(decoder.InputOffset()))
	}
}
