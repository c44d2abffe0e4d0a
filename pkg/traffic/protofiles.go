package traffic

import (
	"context"
	"fmt"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// describeByFiles looks a name up in .proto files. Google's own imports need not be there.
func describeByFiles(ctx context.Context, wish Wish, name protoreflect.FullName) (protoreflect.Descriptor, error) {
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: wish.ImportPaths}),
	}
	files, err := compiler.Compile(ctx, wish.ProtoFiles...)
	if err != nil {
		return nil, fmt.Errorf("the description cannot be read: %w", err)
	}
	for _, file := range files {
		if found := file.FindDescriptorByName(name); found != nil {
			return found, nil
		}
	}
	return nil, fmt.Errorf("%s is not declared in %s", name, strings.Join(wish.ProtoFiles, ", "))
}
