//go:build !linux

package main

// rssUnit is what getrusage(2) counts resident memory in, in bytes.
const rssUnit = 1
