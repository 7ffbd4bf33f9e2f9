// Coding agents take a turn with a tool call: they read a file whose content only the tool can bring to the model. The
// model is scripted (scripted_server.cc), for no small model calls the right tool of an agent every time; all else,
// from the socket to the prompt, is what `fathom serve` runs.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {existsSync, mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';

const secret = 'quartz-4711';
const platform = `${process.platform}-${process.arch}`;
const packages = join(process.cwd(), 'node_modules');

const call = (tool, parameter, value) =>
  `<｜DSML｜tool_calls>\n<｜DSML｜invoke name="${tool}">\n` +
  `<｜DSML｜parameter name="${parameter}" string="true">${value}</｜DSML｜parameter>\n` +
  '</｜DSML｜invoke>\n</｜DSML｜tool_calls>';

function run(program, args, {cwd, env, seconds = 600}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {cwd, env: {...process.env, ...env}, stdio: ['ignore', 'pipe', 'pipe']});
    let output = '';
    child.stdout.on('data', (data) => { output += data; });
    child.stderr.on('data', (data) => { output += data; });
    const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
    child.on('close', (code) => { clearTimeout(timer); resolve({code, output}); });
    child.on('error', (error) => { clearTimeout(timer); resolve({code: -1, output: String(error)}); });
  });
}

async function scripted(toolCall, use) {
  const server = spawn(process.env.FATHOM_SCRIPTED_SERVER, [secret, toolCall], {stdio: ['pipe', 'pipe', 'inherit']});
  try {
    const url = await new Promise((resolve) => server.stdout.once('data', (data) => resolve(String(data).trim())));
    await use(url);
  } finally {
    server.stdin.end();
  }
}

const question = 'Read the file secret.txt in this folder and tell me what it says.';

// How each agent is started; `model` is the server's name of it.
const agents = {
  'Claude Code': {
    program: join(packages, '@anthropic-ai', `claude-code-${platform}`, 'claude'),
    toolCall: (folder) => call('Read', 'file_path', join(folder, 'secret.txt')),
    start: (url, model, home) => ({
      args: ['-p', question, '--allowedTools', 'Read'],
      env: {HOME: home, ANTHROPIC_BASE_URL: `${url}/anthropic`, ANTHROPIC_AUTH_TOKEN: process.env.FATHOM_KEY,
            ANTHROPIC_MODEL: model, ANTHROPIC_SMALL_FAST_MODEL: model, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1'},
    }),
  },
  Codex: {
    program: join(packages, '.bin', 'codex'),
    toolCall: () => call('exec_command', 'cmd', 'cat secret.txt'),
    start: (url, model, home) => ({
      args: ['exec', '--dangerously-bypass-approvals-and-sandbox', '--skip-git-repo-check', '-m', model,
             '-c', 'model_provider=fathom', '-c',
             `model_providers.fathom={name="fathom",base_url="${url}",wire_api="responses",env_key="FATHOM_KEY"}`,
             question],
      env: {HOME: home, CODEX_HOME: home},
    }),
  },
  opencode: {
    program: join(packages, `opencode-${process.platform}-${process.arch}`, 'bin', 'opencode'),
    toolCall: (folder) => call('read', 'filePath', join(folder, 'secret.txt')),
    start: (url, model, home, folder) => {
      writeFileSync(join(folder, 'opencode.json'), JSON.stringify({
        provider: {fathom: {npm: '@ai-sdk/openai-compatible', models: {[model]: {}},
                            options: {baseURL: url, apiKey: process.env.FATHOM_KEY}}}}));
      return {args: ['run', '-m', `fathom/${model}`, question],
              env: {HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home, XDG_STATE_HOME: home,
                    OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_AUTOUPDATE: '1'}};
    },
  },
};

for (const [name, agent] of Object.entries(agents)) {
  const options = {timeout: 900_000, skip: existsSync(agent.program) ? false : `${agent.program} was not installed here`};

  test(`${name}: a turn with a tool call`, options, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fathom-agent-')), home = mkdtempSync(join(tmpdir(), 'fathom-home-'));
    writeFileSync(join(folder, 'secret.txt'), `${secret}\n`);
    await scripted(agent.toolCall(folder), async (url) => {
      const {args, env} = agent.start(url, 'scripted', home, folder);
      const {code, output} = await run(agent.program, args, {cwd: folder, env: {...env, PWD: folder}});
      assert.equal(code, 0, output);
      assert.match(output, new RegExp(`It says ${secret}`), output);
    });
  });
}
