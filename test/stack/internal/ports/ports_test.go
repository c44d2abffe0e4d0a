package ports

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// all returns every port of a stack.
func all(p Ports) []int {
	list := []int{p.EtcdClient, p.EtcdPeer, p.APIServer, p.ControllerManager, p.Scheduler, p.Kubelet}
	for _, istiod := range p.Istiod {
		list = append(list, istiod.HTTP, istiod.Webhooks, istiod.GRPC, istiod.SecureGRPC, istiod.Monitoring)
	}
	return list
}

func TestBlocksDoNotOverlap(t *testing.T) {
	seen := map[int]bool{}
	addresses := map[string]bool{}
	for number := range blocks {
		block := newBlock(number, nil)
		for _, port := range all(block.Ports) {
			require.False(t, seen[port], "port %d is in two places", port)
			seen[port] = true
		}
		address := net.ParseIP(block.Address)
		require.True(t, address.IsLoopback(), block.Address)
		require.False(t, addresses[block.Address], "address %s is in two blocks", block.Address)
		addresses[block.Address] = true
	}
	assert.Len(t, seen, blocks*blockSize)
	assert.False(t, seen[32768], "the blocks reach into the ports for outgoing connections")
}

func TestClaimsDoNotOverlap(t *testing.T) {
	folder := t.TempDir()
	first, err := Claim(folder)
	require.NoError(t, err)
	second, err := Claim(folder)
	require.NoError(t, err)
	defer second.Lock.Close()
	assert.NotEqual(t, first.Ports, second.Ports)
	assert.NotEqual(t, first.Address, second.Address)

	require.NoError(t, first.Lock.Close())
	third, err := Claim(folder)
	require.NoError(t, err)
	defer third.Lock.Close()
	assert.Equal(t, first.Ports, third.Ports, "a claim that was given back is free again")
}

func TestAClaimHasNoPortThatSomebodyElseHas(t *testing.T) {
	folder := t.TempDir()
	free, err := Claim(folder)
	require.NoError(t, err)
	require.NoError(t, free.Lock.Close())
	listener, err := net.Listen("tcp", Local(free.Ports.Istiod[1].Monitoring))
	require.NoError(t, err)
	defer listener.Close()

	claimed, err := Claim(folder)
	require.NoError(t, err)
	defer claimed.Lock.Close()
	assert.NotEqual(t, free.Ports, claimed.Ports)
}
