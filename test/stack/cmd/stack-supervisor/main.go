// Stack-supervisor is the parent of a stack's processes. It is started by the stack's library, never by hand: its
// argument is the stack's folder, and it ends when its standard input does. See package supervise.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/supervise"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: stack-supervisor FOLDER")
		os.Exit(2)
	}
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	if err := supervise.Serve(os.Args[1], os.Stdin); err != nil {
		log.Fatal(err)
	}
}
