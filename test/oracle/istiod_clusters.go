package oracle

func (a *istiodAnswer) tellClusters(routed []string) {}
