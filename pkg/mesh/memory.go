package mesh

// memories keeps what has been worked out once: questions that many checks ask of the same Snapshot.
type memories map[any]any

// remember is compute's result, computed at most once for a key. Keys are values of unexported types, so that files do not
// meet each other's by accident. What compute reads is reported to OnRead the first time only; whoever counts reads takes a
// fresh Snapshot for each count.
func remember[T any](s *Snapshot, key any, compute func() T) T {
	if known, ok := s.memories[key]; ok {
		return known.(T)
	}
	value := compute()
	if s.memories == nil {
		s.memories = memories{}
	}
	s.memories[key] = value
	return value
}
