#!/usr/bin/env bash
# Makes everything under schemas/gen from the .proto files, with local plugins and no network once the tools are built.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$PWD/.bin
tool() { # tool NAME MODULE_DIR PACKAGE: built once, at the version that the module's go.mod names
  [ -x "$bin/$1" ] && [ "$bin/$1" -nt "$2/go.mod" ] || (cd "$2" && echo "building $1 ..." && go build -o "$bin/" "$3")
}
mkdir -p "$bin"
tool buf schemas/tools/buf github.com/bufbuild/buf/cmd/buf
tool protoc-gen-go schemas/tools google.golang.org/protobuf/cmd/protoc-gen-go
tool protoc-gen-go-vtproto schemas/tools github.com/planetscale/vtprotobuf/cmd/protoc-gen-go-vtproto
tool kitex schemas/tools github.com/cloudwego/kitex/tool/cmd/kitex

rm -rf schemas/gen
(cd schemas && "$bin/buf" format -w && "$bin/buf" lint && "$bin/buf" generate)

# Kitex's parser knows neither proto2 nor options such as `.required`: it reads a copy without the validation rules.
plain=$(mktemp -d)
trap 'rm -rf "$plain"' EXIT
for file in schemas/parley/v1/*.proto schemas/parley/rpc/v1/*.proto; do
  to="$plain/${file#schemas/}"
  mkdir -p "$(dirname "$to")"
  perl -0777 -pe 's/ \[\(buf\.validate[^;]*?\];/;/gs; s/^\s*option \(buf\.[^;]*;\n//gm; s/^import "buf\/.*\n//gm' "$file" > "$to"
done
stubs() { # stubs SERVICE [FLAG...]
  local service=$1
  shift
  "$bin/kitex" -module github.com/parley-im/parley -type protobuf -gen-path schemas/gen/kitex -I "$plain" "$@" \
    "parley/rpc/v1/$service.proto" > "$plain/log" 2>&1 || { cat "$plain/log"; exit 1; }
}
stubs query
stubs key
stubs push -streamx
# Messages go through vtprotobuf, not through reflection: same bytes, a third of the time.
find schemas/gen/kitex -name '*service.go' -exec \
  sed -i 's#proto "github.com/cloudwego/prutal"#proto "github.com/parley-im/parley/schemas/vtcodec"#' {} +
