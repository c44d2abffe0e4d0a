package filelock

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALockHasOneHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "lock")
	first, err := Try(path)
	require.NoError(t, err)
	_, err = Try(path)
	require.ErrorIs(t, err, ErrHeld)
	require.NoError(t, first.Close())
	second, err := Try(path)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

func TestWaitGetsTheLockOnceItIsFree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Try(path)
	require.NoError(t, err)
	waited := 0
	second, err := Wait(t.Context(), path, func() {
		waited++
		assert.NoError(t, first.Close())
	})
	require.NoError(t, err)
	assert.Equal(t, 1, waited)
	require.NoError(t, second.Close())
}

func TestWaitEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Try(path)
	require.NoError(t, err)
	defer first.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = Wait(ctx, path, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
