# bash completion for tracelog, traceview, tracefmt and tracepdb. The tools know their own options,
# the sessions and the providers: `TOOL -complete WORD...` prints what the last word may become.
_openetw() {
    local current=${COMP_WORDS[COMP_CWORD]} quote='' line
    case $current in
        [\"\']*) quote=${current:0:1} current=${current:1} ;;
        *) current=${current//\\/} ;;
    esac
    COMPREPLY=()
    while IFS= read -r line; do
        [[ $quote ]] || printf -v line %q "$line"
        COMPREPLY+=("$line")
    done < <("$1" -complete "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$current" 2>/dev/null </dev/null)
}
complete -o default -F _openetw tracelog traceview tracefmt tracepdb
