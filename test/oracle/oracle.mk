# The comparison of pkg/mesh with istiod. N is the number of random meshes, SEED the seed of the first.

.PHONY: oracle
N ?= 2000
SEED ?= 1

oracle: ## Compare the model with istiod itself on random meshes (N=2000; the first time compiles istiod: 5 to 10 minutes)
	$(GO) test -C test/oracle -count=1 -timeout 120m . -args -meshes $(N) -seed $(SEED)
