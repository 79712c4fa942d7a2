# What a zsh with FOLDER among its places of completions offers for the end of a line: it is typed into one, with a tab behind
# it. usage: zsh -f offered.zsh FOLDER LINE
zmodload zsh/zpty
folder=$1 out=$1/offered
: >$out
zpty shell "env -i HOME=$folder TERM=dumb PATH=$folder:$PATH zsh -f -i"
# Completions hand words to compadd; with -O, -A, -D they only ask it.
zpty -w shell "cd $folder; fpath=($folder \$fpath); autoload -Uz compinit; compinit -u -D
compadd() { [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] || { local -a hits; builtin compadd -A hits \"\$@\"; print -rl -- \$hits >>$out; }; builtin compadd \"\$@\"; }
comppostfuncs=(ended); ended() { print -r -- :ended: >>$out; }"
zpty -n -w shell "$2"$'\t'
for ((i = 0; i < 600; i++)); do
  zpty -rt shell said
  screen+=$said
  grep -qx :ended: $out && break
  sleep 0.05
done
zpty -rt shell said
zpty -d shell
grep -vx :ended: $out
[[ $screen$said != *sed:* && $screen$said != *_tiercel* ]] || print -r -- "it says: $screen$said"
