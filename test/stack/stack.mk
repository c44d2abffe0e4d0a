# Targets for the local stack, for the Makefile of the repository: include test/stack/stack.mk

NAME ?= default
FLAVOUR ?= default

STACK_PROGRAM := bin/stack

.PHONY: stack-program stack-build stack-up stack-down stack-status

# go build knows better than make whether there is something to do. With the flags of "make build" it compiles less.
stack-program:
	@CGO_ENABLED=0 go build -C test/stack -gcflags all=-dwarf=false -o $(CURDIR)/$(STACK_PROGRAM) ./cmd/stack

stack-build: stack-program ## Build the local stack's programs (5 to 15 minutes the first time, cached)
	@$(STACK_PROGRAM) build

stack-up: stack-program ## Start a local stack and print its kubeconfig (NAME=default FLAVOUR=default|revisions|none)
	@$(STACK_PROGRAM) up --name $(NAME) --flavour $(FLAVOUR)

stack-down: stack-program ## End a local stack and remove all that it had (NAME=default)
	@$(STACK_PROGRAM) down --name $(NAME)

stack-status: stack-program ## List the local stacks
	@$(STACK_PROGRAM) status
