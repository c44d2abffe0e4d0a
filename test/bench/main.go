// Bench measures lint, side by side with istioctl analyze and with the bare time to read what lint reads, on a real control
// plane that holds a large cluster.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := loadedStack(ctx, large, os.Stderr)
	if err == nil {
		fmt.Println(s.Kubeconfig)
		err = s.Stop()
	}
	fmt.Println(err)
}
