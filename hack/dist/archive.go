package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io/fs"
	"time"
)

// archived is a file in an archive.
type archived struct {
	name    string
	content []byte
	mode    fs.FileMode
}

// pack makes an archive that depends on nothing but its arguments: no owners, no times but the one given.
func pack(format string, files []archived, modified time.Time) ([]byte, error) {
	var b bytes.Buffer
	var err error
	if format == "zip" {
		err = packZip(&b, files, modified)
	} else {
		err = packTar(&b, files, modified)
	}
	return b.Bytes(), err
}

func packTar(b *bytes.Buffer, files []archived, modified time.Time) error {
	compressed, err := gzip.NewWriterLevel(b, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	for _, file := range files {
		header := &tar.Header{
			Format: tar.FormatUSTAR, Typeflag: tar.TypeReg, Name: file.name, Mode: int64(file.mode),
			Size: int64(len(file.content)), ModTime: modified,
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(file.content); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return compressed.Close()
}

func packZip(b *bytes.Buffer, files []archived, modified time.Time) error {
	archive := zip.NewWriter(b)
	for _, file := range files {
		header := &zip.FileHeader{Name: file.name, Method: zip.Deflate, Modified: modified}
		header.SetMode(file.mode)
		w, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := w.Write(file.content); err != nil {
			return err
		}
	}
	return archive.Close()
}
