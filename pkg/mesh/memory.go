package mesh

import "sync"

// Remember is compute's result, computed at most once for a key: for questions that many checks ask of the same Snapshot. Keys are
// values of unexported types, so that packages and files do not meet each other's by accident. What compute reads is reported to
// OnRead the first time only; whoever counts reads takes a fresh Snapshot for each count.
func Remember[T any](s *Snapshot, key any, compute func() T) T {
	known, ok := s.memories.Load(key)
	if !ok {
		known, _ = s.memories.LoadOrStore(key, sync.OnceValue(compute))
	}
	return known.(func() T)()
}
